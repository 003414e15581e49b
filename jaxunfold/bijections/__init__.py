"""TODO-bijections"""
