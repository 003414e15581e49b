"""Event samples from file to batch: schema and checks, reading, columns, splits, preprocessing, batches."""
