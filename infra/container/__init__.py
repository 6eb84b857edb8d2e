"""The relay as a container: what image builders read, and an image made without one.

Containerfile  for podman, buildah and docker
compose.yaml   runs the relay; compose.local.yaml the whole local stack
oci_image.py   an OCI image of a folder that holds a root file system, for machines without a builder
"""
