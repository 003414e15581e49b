"""From columns of any file to paired events: truth, reco, matching, selection, in pieces that bound the memory."""
