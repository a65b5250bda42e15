"""Certificates as an operator has them, made by openssl: an authority, what it signs, and what goes wrong with both."""
import shutil
import subprocess


class Authority:
    def __init__(self, folder, name="authority"):
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.certificate = self.folder / "ca.pem"
        self._openssl("req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.pem")

    def sign(self, name, *, days=2, names="DNS:localhost,IP:127.0.0.1"):
        """(certificate, key) of `name`; `days` below 0: expired so long ago."""
        stem = f"{name}-{len(list(self.folder.iterdir()))}"
        self._openssl("req", *_KEY, "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-keyout",
                      f"{stem}.key", "-out", f"{stem}.csr")
        self._openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", str(days), "-copy_extensions", "copy", "-out", f"{stem}.pem")
        return self.folder / f"{stem}.pem", self.folder / f"{stem}.key"

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder)


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def install(pair, certificate, key):
    """Puts a pair in the place of another, as an operator does it: one file after the other."""
    shutil.copy(pair[0], certificate)
    shutil.copy(pair[1], key)
