"""Results as files: what ``unfold`` leaves, histogrammed again without a network, and exported."""
