// SHA-256 of what passes through, by OpenSSL.
#pragma once

#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace fintag::client {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view data);
  // 64 hexadecimal digits; the object is used up.
  std::string Finish();

 private:
  evp_md_ctx_st* const context_;
};

}  // namespace fintag::client
