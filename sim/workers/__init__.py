"""Who simulates: processes of this machine, or a cluster; the results are the same."""
