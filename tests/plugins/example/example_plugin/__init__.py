"""A plugin with one of everything, installed by the tests. `hooks` is the module of its entry point."""
