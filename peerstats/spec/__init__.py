"""The analysis file as a value; unknown keys are errors."""
