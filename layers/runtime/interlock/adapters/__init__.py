"""The ports answered with AWS. Here, and here alone, botocore's errors become ours."""
