"""Start the page's kernel without a debugger: that alone takes 29 MB."""

import sys

if __name__ == "__main__":
    sys.modules["debugpy"] = None  # as if it were not installed, which the kernel can do with
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()
