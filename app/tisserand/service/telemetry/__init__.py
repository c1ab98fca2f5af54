"""What the executor tells other systems: metrics, traces, lineage, logs. All of it is made from the journal, never while a run works."""
