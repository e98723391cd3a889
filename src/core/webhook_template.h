// The body of a webhook's request for receivers that want a form of their own, such as chat
// systems.
#ifndef STAGELOG_CORE_WEBHOOK_TEMPLATE_H_
#define STAGELOG_CORE_WEBHOOK_TEMPLATE_H_

#include <optional>
#include <string>
#include <string_view>

namespace stagelog {

// What templates name beside the members of the event.
struct TemplateContext {
  std::string journal_id;
  std::string webhook_id;
  std::string public_url;  // of the daemon, without a slash at its end
};

// Replaces each {{name}} of `text` by the value of that name: a member of the event ("job_id",
// "message", ...), "payload.key" (and "payload.key.inner"), "journal_id", "webhook_id" or
// "public_url". {{a|b|'text'}} is the first that is not empty. {{json a}} is the value as JSON,
// null where there is none. `body` is a stored line. Values that are no text are written as JSON.
// With `escapes_json` values are escaped as within a JSON string.
std::string RenderTemplate(std::string_view text, std::string_view body,
                           const TemplateContext& context, bool escapes_json);

// What is wrong with the template; with `is_json`, also that it makes something that is not JSON.
std::optional<std::string> TemplateProblem(std::string_view text, bool is_json);

}  // namespace stagelog

#endif  // STAGELOG_CORE_WEBHOOK_TEMPLATE_H_
