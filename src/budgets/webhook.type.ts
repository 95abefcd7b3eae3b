import { Field, ObjectType } from 'type-graphql';
import { DateTimeScalar } from '../platform/index.js';

@ObjectType('Webhook', { description: 'Where the budget alerts of an account are sent.' })
export class WebhookType {
  @Field({ description: 'The address.' })
  url: string;

  @Field(() => DateTimeScalar, { description: 'When it was set; its secret is from then.' })
  createdAt: Date;
}
