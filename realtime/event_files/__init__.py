"""Read files that people have as events: CSV, JSON, Parquet, exports of other systems."""
