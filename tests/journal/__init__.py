"""Journals: any store, the file, and waits that outlive their process."""
