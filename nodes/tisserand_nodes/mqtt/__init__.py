"""MQTT: the connection to a broker, and publishing."""
