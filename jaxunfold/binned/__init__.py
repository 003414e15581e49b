"""Unfolding of histograms: response matrices, iterated Bayes, matrix inversion and its regularised forms.

Pure functions of arrays in the precision that they are given; ``methods.ibu`` computes in double precision.
"""
