"""What jobs return: a TypedDict of plain values for each, which both sides check (events.checked).

Accuracies are shares from 0 to 1, None where there is nothing to count. Milliseconds are for one
image. Keys called “pictures” are of images; they are what `--json` prints, so they stay.

No file here imports annotations from the future: which keys are required is read from real types.
"""
