"""`python -m balancer.cli` is the command too."""

from .main import main

main()
