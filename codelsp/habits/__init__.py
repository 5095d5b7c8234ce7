"""What a user tends to write: the words of the project, and completions taken before.

Both are for ``recall`` alone: the model never sees them.  Both are asked for in the settings, and
nothing of them leaves the machine.
"""
