#include "server/security/server_tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/security/certificates.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

class ServerTlsTest : public ::testing::Test {
 protected:
  absl::StatusOr<ServerTls> Make(const TlsFiles& files) {
    absl::StatusOr<FileContents> contents = ReadFiles(files.All());
    if (!contents.ok()) return contents.status();
    return MakeServerTls(files, *contents);
  }
  std::string WhatIsWrong(const TlsFiles& files) {
    const absl::StatusOr<ServerTls> tls = Make(files);
    EXPECT_TRUE(absl::IsInvalidArgument(tls.status())) << tls.status();
    return std::string(tls.status().message());
  }

  const Certificates certificates_;
};

TEST_F(ServerTlsTest, TakesAPairAndAnAuthority) {
  TlsFiles files = certificates_.Sign("server");
  const absl::StatusOr<ServerTls> alone = Make(files);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_NE(alone->context, nullptr);
  EXPECT_EQ(alone->client_ca, "");
  EXPECT_GT(alone->expiry, absl::Now() + absl::Hours(24));
  EXPECT_LT(alone->expiry, absl::Now() + absl::Hours(49));
  files.client_ca = certificates_.ca();
  const absl::StatusOr<ServerTls> mutual = Make(files);
  ASSERT_TRUE(mutual.ok()) << mutual.status();
  EXPECT_THAT(mutual->client_ca, HasSubstr("BEGIN CERTIFICATE"));
}

TEST_F(ServerTlsTest, NamesTheFileAndWhatIsWrong) {
  const TlsFiles good = certificates_.Sign("server");
  const TlsFiles other = certificates_.Sign("other");
  const TlsFiles expired = certificates_.Sign("expired", -1);
  EXPECT_THAT(WhatIsWrong({good.certificate, other.key, {}}),
              HasSubstr("other.key is not the key of the certificate in " + good.certificate.string()));
  EXPECT_THAT(WhatIsWrong(expired), HasSubstr("expired.pem has a certificate that expired at 20"));
  EXPECT_THAT(WhatIsWrong({good.key, good.key, {}}), HasSubstr("server.key is no PEM file of certificates"));
  EXPECT_THAT(WhatIsWrong({good.certificate, good.certificate, {}}),
              HasSubstr("server.pem is no PEM file of a private key"));
  EXPECT_THAT(WhatIsWrong({good.certificate, good.key, good.key}), HasSubstr("server.key is no PEM file"));
  EXPECT_THAT(WhatIsWrong({good.certificate, good.key, expired.certificate}), HasSubstr("expired.pem"));
  certificates_.OpenSsl("pkcs8 -topk8 -in server.key -passout pass:secret -out locked.key");
  const std::filesystem::path locked = good.key.parent_path() / "locked.key";
  EXPECT_THAT(WhatIsWrong({good.certificate, locked, {}}), HasSubstr("without a passphrase"));
  // A chain that is cut in its second certificate.
  certificates_.OpenSsl("x509 -in server.pem -out cut.pem && head -c 100 ca.pem >> cut.pem");
  EXPECT_THAT(WhatIsWrong({good.key.parent_path() / "cut.pem", good.key, {}}), HasSubstr("cut.pem is no PEM file"));
  EXPECT_TRUE(absl::IsNotFound(Make({"/nowhere.pem", good.key, {}}).status()));
}

}  // namespace
}  // namespace fintag::server
