"""Pages of documentation taken apart and run: what stands in a fenced block is checked by what it is.

``python -m tests.pages PAGE...`` prints again what the commands of ``console`` blocks print, in the place of what stood there.
"""
