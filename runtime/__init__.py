"""What every stage needs: clock, settings, errors, text, logs and metrics."""
