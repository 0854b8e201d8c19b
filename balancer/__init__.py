"""open-Balancer keeps Gemini-powered applications answering, fast and inside budget."""
