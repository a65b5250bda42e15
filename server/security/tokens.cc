#include "server/security/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr size_t kLongestName = 64;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || std::string_view("._@-").find(c) != std::string::npos;
  });
}

bool IsSha256(std::string_view hex) {
  return hex.size() == 64 && std::all_of(hex.begin(), hex.end(),
                                         [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); });
}

// What is wrong with a line; the hash stays out of it.
absl::Status Wrong(std::string_view name, size_t number, std::string_view what) {
  return absl::InvalidArgumentError(StrCat(name, ", line ", number, ": ", what));
}

}  // namespace

absl::StatusOr<Tokens> Tokens::Parse(std::string_view name, std::string_view text) {
  Tokens tokens;
  size_t number = 0;
  for (absl::string_view whole : absl::StrSplit(AbslView(text), '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(whole.substr(0, whole.find('#')));
    if (line.empty()) continue;
    const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() != 3) return Wrong(name, number, "must be NAME ROLE sha256:HEX, as `fintag token new` prints it");
    if (!IsName(words[0]))
      return Wrong(name, number, "the name must be 1 to 64 of letters, digits, '.', '_', '@' and '-'");
    const std::optional<Role> role = ParseRole(words[1]);
    if (!role) return Wrong(name, number, StrCat("the role must be viewer, tagger, trainer or admin, is ", words[1]));
    absl::string_view hex = words[2];
    if (!absl::ConsumePrefix(&hex, "sha256:") || !IsSha256({hex.data(), hex.size()})) {
      return Wrong(name, number, "the hash must be sha256: and 64 hexadecimal digits");
    }
    Line parsed{{words[0], *role}, {}};
    const std::string hash = absl::HexStringToBytes(hex);
    std::copy(hash.begin(), hash.end(), parsed.hash.begin());
    for (const Line& other : tokens.lines_) {
      if (other.hash == parsed.hash) return Wrong(name, number, "the hash stands on another line too");
      if (other.caller.name == words[0] && other.caller.role != *role) {
        return Wrong(name, number, StrCat(words[0], " has another role on another line"));
      }
    }
    tokens.lines_.push_back(std::move(parsed));
  }
  if (tokens.lines_.empty()) return absl::InvalidArgumentError(StrCat(name, " has no token: nobody could call"));
  return tokens;
}

const Caller* Tokens::Find(std::string_view token) const {
  Hash hash;
  if (EVP_Digest(token.data(), token.size(), hash.data(), nullptr, EVP_sha256(), nullptr) != 1) return nullptr;
  const Caller* found = nullptr;
  for (const Line& line : lines_) {
    if (CRYPTO_memcmp(line.hash.data(), hash.data(), hash.size()) == 0) found = &line.caller;
  }
  return found;
}

}  // namespace fintag::server
