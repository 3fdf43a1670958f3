"""Any network of inverted residuals made faster on a person's images, beside all that are here."""
