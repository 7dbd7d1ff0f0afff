"""The sidecar: from Kafka events to windows, alerts and pages."""
