"""Any pretrained network of inverted residuals made elastic, in closed form, on a person's images.

The middle of a block (Sandler et al., CVPR 2018) may get narrower: channels.py says in which order
its channels are given up, fold.py solves anew the convolution that reads them, so that the block
still gives what it gave. No label and no step of training is needed.
"""
