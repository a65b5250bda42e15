#include "server/security/server_tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <utility>

#include "core/text/strings.h"

namespace fintag::server {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

Bio Reading(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

// A key with a passphrase is one that cannot be read: nobody is there to type it.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::Status Wrong(const std::filesystem::path& file, std::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(StrCat(file.string(), " ", what));
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? absl::FromTM(parts, absl::UTCTimeZone()) : absl::InfinitePast();
}

std::string Text(absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone()); }

absl::Status CheckTimes(const std::filesystem::path& file, const X509& certificate) {
  const absl::Time begin = TimeOf(X509_get0_notBefore(&certificate));
  const absl::Time end = TimeOf(X509_get0_notAfter(&certificate));
  if (absl::Now() > end) return Wrong(file, StrCat("has a certificate that expired at ", Text(end)));
  if (absl::Now() < begin) return Wrong(file, StrCat("has a certificate that is not valid before ", Text(begin)));
  return absl::OkStatus();
}

// All certificates of a file; at least one, each within its time.
absl::StatusOr<std::vector<Certificate>> ReadCertificates(const std::filesystem::path& file, const std::string& text) {
  const Bio bio = Reading(text);
  std::vector<Certificate> certificates;
  for (;;) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
    if (next == nullptr) break;
    if (absl::Status status = CheckTimes(file, *next); !status.ok()) return status;
    certificates.push_back(std::move(next));
  }
  // The end of the file is that there is no further beginning.
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (certificates.empty() || !ended)
    return Wrong(file, "is no PEM file of certificates (-----BEGIN CERTIFICATE-----)");
  ERR_clear_error();
  return certificates;
}

absl::Status UseClientCa(SSL_CTX& context, const std::filesystem::path& file, const std::string& text) {
  absl::StatusOr<std::vector<Certificate>> authorities = ReadCertificates(file, text);
  if (!authorities.ok()) return authorities.status();
  for (const Certificate& authority : *authorities) {
    // A certificate that stands twice is no harm.
    X509_STORE_add_cert(SSL_CTX_get_cert_store(&context), authority.get());
    if (SSL_CTX_add_client_CA(&context, authority.get()) != 1) return Wrong(file, "cannot be used");
  }
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, nullptr);
  ERR_clear_error();
  return absl::OkStatus();
}

}  // namespace

std::vector<std::filesystem::path> TlsFiles::All() const {
  std::vector<std::filesystem::path> files = {certificate, key};
  if (!client_ca.empty()) files.push_back(client_ca);
  return files;
}

absl::StatusOr<ServerTls> MakeServerTls(const TlsFiles& files, const FileContents& contents) {
  ServerTls tls{contents.at(0), contents.at(1), files.client_ca.empty() ? "" : contents.at(2), {}, nullptr};
  ERR_clear_error();
  absl::StatusOr<std::vector<Certificate>> chain = ReadCertificates(files.certificate, tls.certificate);
  if (!chain.ok()) return chain.status();
  tls.expiry = TimeOf(X509_get0_notAfter(chain->front().get()));
  const Key key(PEM_read_bio_PrivateKey(Reading(tls.key).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) return Wrong(files.key, "is no PEM file of a private key without a passphrase");
  if (X509_check_private_key(chain->front().get(), key.get()) != 1) {
    return Wrong(files.key, StrCat("is not the key of the certificate in ", files.certificate.string()));
  }

  tls.context.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX& context = *tls.context;
  SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
  SSL_CTX_set_options(&context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // A session that is taken up again would not be held against a new authority.
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(&context, SSL_OP_NO_TICKET);
  if (SSL_CTX_use_certificate(&context, chain->front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(&context, key.get()) != 1) {
    return Wrong(files.certificate, "cannot be used: its key may be too short");
  }
  for (size_t i = 1; i < chain->size(); ++i) SSL_CTX_add1_chain_cert(&context, (*chain)[i].get());
  if (!files.client_ca.empty()) {
    if (absl::Status status = UseClientCa(context, files.client_ca, tls.client_ca); !status.ok()) return status;
  }
  return tls;
}

}  // namespace fintag::server
