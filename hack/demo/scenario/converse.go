// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// turns are a conversation: a question, one that builds on its answer, and one that
// nobody could answer.
var turns = []struct {
	question, status string
	rows             int
}{
	{"total amount by region", "ok", 3},
	{"now show top 2 by amount", "ok", 2},
	{"show me the thing", "clarification_needed", 0},
}

// converse has the conversation as a manager, each turn at another pod than the one
// before, and shows that nobody else can go on with it.
func (d *demo) converse(ctx context.Context, result *Result) error {
	pods, err := d.podsOf(ctx, samplesSpace, v1alpha1.LabelServer, serverName)
	if err != nil {
		return err
	}
	token, err := d.login(ctx, "managers")
	if err != nil {
		return err
	}
	conversation := ""
	for i, turn := range turns {
		session, err := d.connect(ctx, pods[i%len(pods)], token)
		if err != nil {
			return err
		}
		args := map[string]any{"question": turn.question}
		if conversation != "" {
			args["conversation_id"] = conversation
		}
		a, err := call(ctx, session, "genie_query", args)
		_ = session.Close() // stateless
		if err != nil {
			return err
		}
		if a.Status != turn.status || len(a.Rows) != turn.rows || a.ConversationID == "" {
			return fmt.Errorf("%q was answered %s %s with %d rows: %s", turn.question, a.Status, a.Error.Code, len(a.Rows), a.Error.Message)
		}
		d.say("   managers: %s", turn.question)
		if a.Query != "" {
			d.say("   Genie:    %s (%d rows)", strings.Join(strings.Fields(a.Query), " "), len(a.Rows))
		} else {
			d.say("   Genie:    %s", a.Message)
		}
		conversation = a.ConversationID
		result.ConversationTurns++
	}
	other, err := d.login(ctx, "executive")
	if err != nil {
		return err
	}
	session, err := d.connect(ctx, pods[0], other)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // stateless
	a, err := call(ctx, session, "genie_query", map[string]any{"question": "total amount by region", "conversation_id": conversation})
	if err != nil {
		return err
	}
	if a.Error.Code != "INVALID_ARGUMENT" {
		return fmt.Errorf("somebody else went on with the conversation: %s %s", a.Status, a.Error.Code)
	}
	d.say("   executive, with the same conversation_id: %s", a.Error.Message)
	return nil
}
