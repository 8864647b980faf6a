"""Reads for dunning: the list of stories, one agreement's, what was recovered, and the policies."""
