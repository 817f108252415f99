"""GGUF models through llama.cpp. `hooks` says what is registered."""
