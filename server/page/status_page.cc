#include "server/page/status_page.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "core/text/strings.h"
#include "core/version.h"
#include "server/page/page_file.h"

namespace fintag::server {
namespace {

// On every answer. Nothing from elsewhere, nothing inline, in no frame, and never stored: what the page shows is of
// now, and may be of a user.
constexpr std::pair<const char*, const char*> kHeaders[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

std::string_view Header(const HttpRequest& request, const char* name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string_view() : std::string_view(found->second);
}

HttpResponse WrongMethod(const std::string& message) {
  HttpResponse response = ErrorAnswer(absl::UnimplementedError(message));
  response.status = 405;
  return response;
}

// Another site's page can send a POST here without asking, but not of this type, and its browser says whose it is.
bool IsOwnPost(const HttpRequest& request) {
  const std::string type = absl::AsciiStrToLower(AbslView(Header(request, "content-type")));
  const std::string_view site = Header(request, "sec-fetch-site");
  return (type == "application/json" || absl::StartsWith(type, "application/json;")) &&
         (site.empty() || site == "same-origin" || site == "none");
}

HttpResponse File(std::string_view path) {
  if (path == "/") path = "/index.html";
  const auto files = PageFiles();
  const auto file = std::find_if(files.begin(), files.end(), [&](const PageFile& file) { return file.path == path; });
  HttpResponse response;
  if (file == files.end()) {
    response.status = 404;
    response.body = "not found\n";
  } else {
    response.content_type = std::string(file->content_type);
    response.body = std::string(file->content);
  }
  return response;
}

}  // namespace

bool IsLoopbackHost(std::string_view host) {
  if (host == "::1") return true;
  if (absl::StartsWith(AbslView(host), "[")) return host == "[::1]" || absl::StartsWith(AbslView(host), "[::1]:");
  const std::string name = absl::AsciiStrToLower(AbslView(host.substr(0, host.find(':'))));
  if (name == "localhost" || absl::EndsWith(name, ".localhost")) return true;
  return absl::StartsWith(name, "127.") && name.find_first_not_of("0123456789.") == std::string::npos;
}

bool StatusPage::IsServedAs(std::string_view host) const {
  const size_t bracket = host.find(']');  // of an IPv6 address, with colons before it
  const std::string_view name = host.substr(0, host.find(':', bracket == host.npos ? 0 : bracket));
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const std::string& served) {
    return served == "*" || (served == "localhost" && IsLoopbackHost(host)) ||
           absl::EqualsIgnoreCase(served, AbslView(name));
  });
}

HttpResponse StatusPage::RouteApi(const HttpRequest& request, std::string_view path) {
  if (path == "tag") {
    if (request.method != "POST") return WrongMethod("POST a TagRequest in JSON");
    if (!IsOwnPost(request)) {
      return ErrorAnswer(
          absl::PermissionDeniedError("must be application/json, and from the page itself where a browser sends it"));
    }
    return gateway_.Tag(request);
  }
  if (request.method == "POST") return WrongMethod("this can only be read");
  if (path == "server") {
    HttpResponse response;
    response.content_type = "application/json";
    response.body = StrCat("{\"version\": \"", kVersion, "\"}");
    return response;
  }
  if (path == "jobs") return gateway_.ListJobs(request);
  if (path == "models") return gateway_.ListModels(request);
  constexpr std::string_view kJobs = "jobs/";
  constexpr std::string_view kProgress = "/progress";
  if (path.substr(0, kJobs.size()) == kJobs) {
    std::string_view id = path.substr(kJobs.size());
    if (!absl::EndsWith(AbslView(id), AbslView(kProgress))) return gateway_.GetJob(std::string(id), request);
    id.remove_suffix(kProgress.size());
    return gateway_.ListJobProgress(std::string(id), request);
  }
  return ErrorAnswer(absl::NotFoundError("no such resource"));
}

HttpResponse StatusPage::Route(const HttpRequest& request) {
  if (!IsServedAs(Header(request, "host"))) {
    return ErrorAnswer(absl::PermissionDeniedError("the page is not served under this name: --page-hosts has those"));
  }
  constexpr std::string_view kApi = "/api/";
  const std::string_view path = request.path;
  if (path.substr(0, kApi.size()) == kApi) return RouteApi(request, path.substr(kApi.size()));
  if (request.method == "POST") return WrongMethod("this can only be read");
  return File(path);
}

HttpResponse StatusPage::Answer(const HttpRequest& request) {
  HttpResponse response;
  try {
    response = Route(request);
  } catch (const std::exception& error) {
    response = ErrorAnswer(absl::InternalError(error.what()));
  }
  for (const auto& [name, value] : kHeaders) response.headers.emplace_back(name, value);
  return response;
}

}  // namespace fintag::server
