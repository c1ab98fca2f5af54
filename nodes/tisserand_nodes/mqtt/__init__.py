"""MQTT: the connection to a broker."""
