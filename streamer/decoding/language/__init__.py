"""Language models: n-grams and a recurrent one."""
