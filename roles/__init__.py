"""What hosts should be. Each role says it in values: `steps(host, settings)` gives operations and does nothing itself."""
