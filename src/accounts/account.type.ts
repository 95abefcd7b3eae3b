import { Field, ObjectType } from 'type-graphql';
import { Node } from '../platform/index.js';
import { DateTimeScalar } from '../platform/index.js';
import type { AccountEntity } from './account.entity.js';

@ObjectType('Account', {
  implements: Node,
  description: 'A person or company that publishes or casts spells.',
})
export class AccountType extends Node {
  @Field({ description: 'The name the account signs in with.' })
  login: string;

  @Field(() => String, { nullable: true, description: 'Where the account can be reached, when known.' })
  email: string | null;

  @Field(() => DateTimeScalar, { description: 'When the account was opened.' })
  createdAt: Date;
}

export function toAccountType(account: AccountEntity): AccountType {
  return Object.assign(new AccountType(), {
    id: account.id,
    login: account.login,
    email: account.email,
    createdAt: account.createdAt,
  });
}
