"""What simulated answers are worth to somebody who asks people too. `hooks` is the module of the entry point."""
