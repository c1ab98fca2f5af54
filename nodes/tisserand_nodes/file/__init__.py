"""Nodes that read and write files: CSV, JSON, Excel, Parquet, folders."""
