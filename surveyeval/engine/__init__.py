"""The runner: splits into blocks, stores answers, evaluates samples."""
