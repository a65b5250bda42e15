#include "server/security/security_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

TEST(SecurityOptions, LoopbackIsWhatNeedsNoResolver) {
  for (const char* host : {"localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"}) EXPECT_TRUE(IsLoopback(host));
  for (const char* host : {"", "0.0.0.0", "::", "10.0.0.1", "fintag", "a.localhost", "localhost.example", "127.0.0.1.x",
                           "128.0.0.1", "::2"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(SecurityOptions, OtherMachinesNeedEncryptionAndKnownCallers) {
  const TlsFiles tls = {"c", "k", ""};
  const TlsFiles mutual = {"c", "k", "ca"};
  EXPECT_TRUE(CheckExposure({}, "--listen", "127.0.0.1").ok());
  EXPECT_TRUE(CheckExposure({{}, "", true}, "--listen", "0.0.0.0").ok());
  EXPECT_TRUE(CheckExposure({tls, "tokens", false}, "--listen", "0.0.0.0").ok());
  EXPECT_TRUE(CheckExposure({mutual, "", false}, "--listen", "0.0.0.0").ok());
  for (const SecurityOptions& options : {SecurityOptions(), {tls, "", false}, {{}, "tokens", false}}) {
    const absl::Status status = CheckExposure(options, "--metrics-listen", "10.0.0.1");
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("--metrics-listen 10.0.0.1 is open to other machines: give "));
  }
}

TEST(SecurityOptions, FilesGoTogether) {
  EXPECT_TRUE(CheckSecurityOptions({}).ok());
  EXPECT_TRUE(CheckSecurityOptions({{"c", "k", "ca"}, "", false}).ok());
  for (const TlsFiles& files : {TlsFiles{"c", "", ""}, {"", "k", ""}, {"", "", "ca"}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckSecurityOptions({files, "", false})));
  }
}

}  // namespace
}  // namespace fintag::server
