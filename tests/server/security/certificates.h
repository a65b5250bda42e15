// Certificates made by openssl, in a folder that goes with the test.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "server/security/server_tls.h"

namespace fintag::server {

class Certificates {
 public:
  Certificates() {
    std::string folder = testing::TempDir() + "/certificatesXXXXXX";
    folder_ = mkdtemp(folder.data());
    OpenSsl("req -x509 " + std::string(kKey) + " -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }

  std::filesystem::path ca() const { return folder_ / "ca.pem"; }

  // The certificate and key of `name`, which `days` below 0 makes expired.
  TlsFiles Sign(const std::string& name, int days = 2) const {
    OpenSsl("req " + std::string(kKey) + " -subj /CN=" + name + " -addext subjectAltName=DNS:localhost -keyout " +
            name + ".key -out " + name + ".csr");
    OpenSsl("x509 -req -in " + name + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -days " +
            std::to_string(days) + " -out " + name + ".pem");
    return {folder_ / (name + ".pem"), folder_ / (name + ".key"), {}};
  }

  void OpenSsl(const std::string& arguments) const {
    const std::string command = "cd '" + folder_.string() + "' && openssl " + arguments + " 2> openssl.log";
    if (std::system(command.c_str()) != 0) ADD_FAILURE() << command;
  }

 private:
  static constexpr char kKey[] = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  std::filesystem::path folder_;
};

}  // namespace fintag::server
