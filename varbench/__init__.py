"""varbench: how different is the model that comes out when the very same pipeline is trained again?"""

__version__ = "0.1.0"
