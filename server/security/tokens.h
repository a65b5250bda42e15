// Who the callers are: the file of `fintagd --tokens` (SECURITY.md), and how a token that came with a call is found in
// it.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/security/role.h"

namespace fintag::server {

class Tokens {
 public:
  // One line a token, "NAME ROLE sha256:HEX", where HEX is the SHA-256 of the token; "#" begins a comment. One name may
  // stand on several lines, so that its token can be changed without a pause, but with one role. INVALID_ARGUMENT with
  // `name`, the file's, and the line's number; a file without a token is one too, since it would shut everybody out.
  static absl::StatusOr<Tokens> Parse(std::string_view name, std::string_view text);

  // The caller whose token this is; nullptr where it is nobody's. Every line is compared, each in constant time.
  const Caller* Find(std::string_view token) const;

 private:
  using Hash = std::array<unsigned char, 32>;
  struct Line {
    Caller caller;
    Hash hash;
  };
  std::vector<Line> lines_;
};

}  // namespace fintag::server
