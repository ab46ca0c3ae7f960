"""Where reads come from. A source acknowledges a read only after the pipeline has accepted it."""
