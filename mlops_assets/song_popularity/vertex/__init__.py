"""Vertex AI: the original's pipeline on the platform's own functions, deployments of the champion, and predictions by endpoints."""
