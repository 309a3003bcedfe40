"""The profile of one partition: facts from Athena's results, a comparison with the day before, and a page."""
