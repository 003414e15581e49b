"""What each figure of the report shows, in HTML."""

SPECTRA = (
    "Truth (grey), reco (dashed) and unfolded events, each normalised to one. The grey band is the "
    "statistical error of the truth, the orange one that of the unfolded events: the draws of one event "
    "count as one."
)
POSTERIORS = (
    "Posteriors of the first four events, one row each. Where the truth lies in a single posterior has no "
    "significance; over all events it must be spread evenly, which the calibration shows."
)
CALIBRATION = (
    "Fraction of events whose truth lies below each quantile of its own posterior (left), and its distance "
    "from the diagonal (right) with the binomial bands of one and two standard deviations."
)
UNCONDITIONAL = (
    "Nothing is measured, so that every event has the same posterior: the generated distribution. The curve of many "
    "draws is then the quantile of the true events among the generated ones, and its largest distance from the "
    "diagonal is their KS distance; of one draw an event it is flatter. The bands are binomial, one and two sigma."
)
PANELS = (
    "The same distance, observable by observable. An S means posteriors that are too wide or too narrow, "
    "an arch a bias."
)
CORRELATION = (
    "Densities of truth and unfolded events (white: less than the weight of one true event), their relative "
    "deviation where the truth has at least ten events in a bin, and slices."
)
RESIDUALS = (
    "Measured minus truth and draw minus truth, event by event, relative to the truth where marked. "
    "A draw from a perfect posterior is as far from the truth as another truth with the same "
    "measurement, not closer."
)
MIGRATION = (
    "Probability of a measured (top) and an unfolded (bottom) value in each bin of the truth; "
    "the line is the diagonal."
)
BALANCE = "Largest transverse component of the sum of all leaves. What is below 10<sup>−10</sup> is in the first bin."
TRAINING = "Loss of training and validation events over epochs."
HEADLINE = (
    "Left: truth, measured and unfolded events. Right: how far each calibration curve is from the diagonal, over "
    "the bands of one and two standard deviations of a perfect posterior."
)
DIRECTIONS = (
    "The network as a detector (blue: measured events, dashed, and what it makes of the truth) and as its inverse "
    "(orange: truth, dashed, and unfolded events), with the ratio of network to simulation for each."
)
STACKED = (
    "Spectra stacked by class: truth filled, unfolded as lines in the same order. Below, the ratio of the sums, "
    "with the statistical error of the truth in grey."
)
BY_CLASS = (
    "How far the calibration curves of each class are from the diagonal, over the bands of one and two standard "
    "deviations of a perfect posterior at the class's number of events."
)
