"""The whole way on made-up voices."""
