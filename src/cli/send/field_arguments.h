// The fields of a gate on the command line: --field NAME:TYPE,... opens it with them, and --field
// NAME=VALUE answers them.
#ifndef STAGELOG_CLI_SEND_FIELD_ARGUMENTS_H_
#define STAGELOG_CLI_SEND_FIELD_ARGUMENTS_H_

#include <string>
#include <vector>

#include "cli/commands.h"
#include "client/json_member.h"

namespace stagelog::cli {

// "percent:number,required,min=0,max=100", "region:choice,options=eu|us,label=Where, and when?" as
// an element of `fields` in the payload of gate_pause. A label is the rest of the text, commas too.
// What the parts may be together is for the daemon to judge.
CliResult<Json> ParseFieldDefinition(const std::string& text);

// "percent=25" for each, typed by `gate`'s schema (the gate as the daemon shows it): the object
// `answers`. An unknown name, one given twice and a value that is none of its type are usage
// errors.
CliResult<Json> ParseAnswers(const std::vector<std::string>& texts, const Json& gate);

// "percent=25, region=eu"
std::string AnswersText(const Json& answers);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_FIELD_ARGUMENTS_H_
