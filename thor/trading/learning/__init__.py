"""Learn from finished trades which entries go bad, and say how likely the next one does.

    examples      a finished trade becomes a row: what was seen at its entry, and what came of it
    fingerprint   the same rows are not learned from twice
    training      rows become a model: logistic regression, with scikit-learn, which is imported there and nowhere else
    evaluation    the rules alone against the rules with the model, on rows that it was not made of
    model         a model as plain numbers: read, checked, asked; no pickle, no NumPy
    active        the one model that counts, if there is one that can be read

A bad trade is one with a loss, or one that was more than 3 % under water on its way. The desk buys without a model just
as well: whatever is missing here (scikit-learn, rows, a readable model) leaves the rules alone, and says so.
"""
