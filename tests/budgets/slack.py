"""How far a measured time may be from its budget in a test.

Tests run on shared machines, where the same code takes twice as long from one minute to the next.
What is three times over its budget has become slow, not unlucky.  Counts, ratios and memory get no
slack.  ``codelsp bench --strict`` holds everything to the budgets themselves.
"""

TIME_SLACK = 3.0
